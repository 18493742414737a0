# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pairs of names thought of one by one, as people write them.

Each is what is reported, and the name of the person who has the ID, as
family and given name.
"""


def _pairs(text):
    return [
        tuple(name.strip() for name in line.split('|'))
        for line in text.strip().splitlines()]


def _listed(text):
    return [' '.join(item.split()) for item in text.split(',')]


# Two people, whatever the birth date
NEVER = _pairs("""
    Silva^João Filho | Silva^João Neto
    Silva^João F. | Silva^João N.
    Silva^João Fº | Silva^João Neto
    Silva^João Júnior | Silva^João Segundo
    Silva^João (pai) | Silva^João (filho)
    Dupont^Jean aîné | Dupont^Jean cadet
    Dupont^Jean (père) | Dupont^Jean (fils)
    Dupont^Jean l'aîné | Dupont^Jean le cadet
    Dupont^Jean le jeune | Dupont^Jean l'aîné
    Dupont^Jean-Pierre | Dupont^Pierre-Jean
    Dupont^Marie Anne | Dupont^Anne Marie
    Dupont^Marie-Claire | Dupont^Marie-Claude
    Dupont^Marie-Laure | Dupont^Marie-Lou
    Dupont^Jean-Paul | Dupont^Jean-Pierre
    Rossi^Marco di Luigi | Rossi^Marco di Paolo
    Rossi^Marco fu Luigi | Rossi^Marco fu Paolo
    Rossi^Marco giovane | Rossi^Marco vecchio
    Kowalski^Jan mł. | Kowalski^Jan st.
    Kowalski^Jan junior | Kowalski^Jan senior
    Novák^Jan ml. | Novák^Jan st.
    Nagy^ifj. István | Nagy^id. István
    ifj. Nagy^István | id. Nagy^István
    Иванов^Иван мл. | Иванов^Иван ст.
    Иванов^Иван II | Иванов^Иван III
    Smith^John, Jr. | Smith^John, Sr.
    Smith^John Jr | Smith^John II
    Smith^John (Jr.) | Smith^John (III)
    Smith,Jr^John | Smith,Sr^John
    Smith^John^^^JR | Smith^John III
    Smith^John^^^2 | Smith^John 3
    Smith^John² | Smith^John³
    Smith^John Ⅱ | Smith^John Ⅲ
    Smith^John ⅱ | Smith^John ⅲ
    Smith^JohnⅡ | Smith^JohnⅢ
    Müller^Hans jun. | Müller^Hans sen.
    Müller^Hans d. J. | Müller^Hans d. Ä.
    Papas^Nikos (νεότερος) | Papas^Nikos (πρεσβύτερος)
    حداد^محمد الابن | حداد^محمد الأب
    حداد^محمد الكبير | حداد^محمد الصغير
    חדד^משה הבן | חדד^משה האב
    Yılmaz^Ali büyük | Yılmaz^Ali küçük
    Wang^Wei (大) | Wang^Wei (小)
    =王^大伟 | 王^小伟
    =王^伟之子 | 王^伟
    =王^伟大女 | 王^伟
    =김^영희 첫째 | 김^영희
    =김^영희 아들 | 김^영희
    =김^영희의아기 | 김^영희
    =山田^花子 第1子 | 山田^花子
    =山田^花子長女 | 山田^花子
    =山田^花子の児 | 山田^花子
    =山田^花子B | 山田^花子
    =山田^花子Baby | 山田^花子
    =山田^花子BB | 山田^花子
    =山田^花子Ⅰ児 | 山田^花子
    แดง^เด็กชายสุดา | แดง^สุดา
    แดง^บุตร นาง สุดา | แดง^สุดา
    แดง^ลูก สุดา | แดง^สุดา
    कुमार^सुनीता का बेटा | कुमार^सुनीता
    कुमार^सुनीता की लड़की | कुमार^सुनीता
    शर्मा^बेबी ऑफ सुनीता | शर्मा^सुनीता
    Sharma^Baby of Sunita | Sharma^Sunita
    Sharma^B.O. Sunita | Sharma^Sunita
    Sharma^B.O Sunita | Sharma^Sunita
    Sharma^BO Sunita | Sharma^Sunita
    Sharma^Sunita's baby | Sharma^Sunita
    Sharma^Sunita (baby) | Sharma^Sunita
    Sharma^Sunita-baby | Sharma^Sunita
    Sharma^Sunitababy | Sharma^Sunita
    Smith^Annababy | Smith^Anna
    Smith^Anna's girl | Smith^Anna
    Smith^Annas Baby | Smith^Anna
    Smith^Baby1 | Smith^Anna
    Smith^Anna_BB | Smith^Anna
    Smith^Anna_B1 | Smith^Anna
    Smith^Anna *BB* | Smith^Anna
    Smith^Anna#B1 | Smith^Anna
    Smith^Anna's twin | Smith^Anna
    Smith^Anna Tw.A | Smith^Anna
    Smith^Anna Twin-1 | Smith^Anna
    Smith^Anna T1 | Smith^Anna
    Smith^Anna A/B | Smith^Anna B/B
    García^RN/Ana | García^Ana
    García^Ana (RN) | García^Ana
    García^Ana-RN | García^Ana
    García^Ana_RN | García^Ana
    García^AnaRN | García^Ana
    García^HijoDeAna | García^Ana
    García^H/Ana | García^Ana
    García^H de Ana | García^Ana
    García^R. N. Ana | García^Ana
    García^1° gemelo Ana | García^Ana
    García^Ana G-1 | García^Ana
    Silva^RN DE ANA | Silva^Ana
    Silva^F. de Ana | Silva^Ana
    Silva^filho(a) de Ana | Silva^Ana
    Cohen^בן שרה | Cohen^שרה
    כהן^שרה בן | כהן^שרה
    כהן^ב/שרה | כהן^שרה
    כהן^בן/בת שרה | כהן^שרה
    כהן^תינוק של שרה | כהן^שרה
    כהן^בת-שרה | כהן^שרה
    Иванова^Мария реб | Иванова^Мария
    Иванова^реб.Мария | Иванова^Мария
    Иванова^Мария (реб. 1) | Иванова^Мария
    Иванова^Мария сын | Иванова^Мария
    Иванова^Мария дочь | Иванова^Мария
    Иванова^Мария нов. | Иванова^Мария
    Иванова^Мария д-к | Иванова^Мария
    Иванова^Мария р-к | Иванова^Мария
    Иванова^Мария 1-й | Иванова^Мария 2-й
    Nguyễn^Con bà Lan | Nguyễn^Lan
    Nguyễn^CBLan | Nguyễn^Lan
    Nguyễn^Con Lan | Nguyễn^Lan
    Nguyễn^con Thị Lan | Nguyễn^Thị Lan
    Nguyễn^Bé con Lan | Nguyễn^Lan
    Nguyễn^Lan con | Nguyễn^Lan
    Wijaya^By. Ny. Dewi | Wijaya^Dewi
    Wijaya^By Dewi | Wijaya^Dewi
    Wijaya^Dewi, By Ny | Wijaya^Dewi
    Wijaya^An. Ny. Dewi | Wijaya^Dewi
    Ahmed^Bint Fatima | Ahmed^Fatima
    Ahmed^Fatima walad | Ahmed^Fatima
    Ahmed^Weld Fatima | Ahmed^Fatima
    Yılmaz^Ayşe bebeği | Yılmaz^Ayşe
    Yılmaz^Ayşe'nin bebeği | Yılmaz^Ayşe
    Yılmaz^Ayşe B. | Yılmaz^Ayşe K.
    Yılmaz^BB Ayşe | Yılmaz^Ayşe
    Yılmaz^Y D Ayşe | Yılmaz^Ayşe
    Jansen^kv Anna | Jansen^Anna
    Jansen^Baby v. Anna | Jansen^Anna
    Jansen^z.v. Anna | Jansen^Anna
    Jansen^zv Anna | Jansen^Anna
    Papadopoulou^ΝΕΟΓΝΟ | Papadopoulou^Μαρία
    Παπά^Θήλυ Μαρίας | Παπά^Μαρία
    Παπά^Μαρία ΝΝ | Παπά^Μαρία
    کریمی^نوزاد زهرا | کریمی^زهرا
    کریمی^ن. زهرا | کریمی^زهرا
    کریمی^زهرا قل ۲ | کریمی^زهرا قل ۱
    کریمی^پسر زهرا | کریمی^زهرا
    حداد^ابن/ليلى | حداد^ليلى
    حداد^ابن-ليلى | حداد^ليلى
    حداد^مولود ليلى | حداد^ليلى
    حداد^م. ليلى | حداد^ليلى
    Patient^A | Patient^B
    Unknown^Male 1 | Unknown^Male 2
    Doe^John 1 | Doe^John 2
    Smith^Ann | Smith^Anne Marie
    Smith^Mary Ann | Smith^Mary Beth
    Kim^Min-su | Kim^Min-seo
    Nguyen^Van Anh | Nguyen^Thi Anh
    Singh^Harpreet Kaur | Kaur^Harpreet Singh
    Singh^Gurpreet | Kaur^Gurpreet
    Khan^Mohammed Ali | Khan^Ali Mohammed
    Khan^Md Rahim | Khan^Md Karim
    de la Cruz^María | de la Rosa^María
    Müller^Anna-Lena | Müller^Anna-Lisa
    Müller^Anna | Müller^Hanna
    O'Connor^Sean | O'Connor^Sian
    Li^Wei | Li^Wen
    Li^Jian Guo | Li^Jia Nguo
    Wang^Fang | Wang^Fan
    Ivanov^Aleksandr | Ivanova^Aleksandra
    Popova^Anna | Popov^Anton
    Jónsdóttir^Anna | Jónsson^Anna
    Magnúsdóttir^Björk | Magnússon^Björk
    Dupont^Jean | Dupont^Jean (fils)
    Kowalski^Jan | Kowalski^Jan (syn)
    =王^伟 | 王^伟二
    =山田^太郎 | 山田^太郎二世
    Nguyễn^Thị Hoa | Nguyễn^Thị Hòa
    Lê^Thị Hoa | Lê^Thị Hòa
    Nguyễn^Văn Dung | Nguyễn^Văn Dũng Em
    Nguyễn^Văn Anh | Nguyễn^Văn Em
    Trần^Thị Lan Anh | Trần^Thị Lan Chi
    Phạm^Ngọc Ánh | Phạm^Ngọc Anh Thư
    Sukarno | Sukarni
    Suharto | Suhartono
    Sutrisno^bin Slamet | Sutrisno^bin Sugeng
    Wayan^Made | Wayan^Nyoman
    I Wayan^Putra | Ni Wayan^Putri
    By Ny^Sukarni | ^Sukarni
    Tesfaye^Abebe | Tesfaye^Abeba
    Gebre^Mariam | Gebre^Medhin
    Wolde^Giorgis | Wolde^Gabriel
    Nagy^István | Nagy^Istvánné
    Kovács Jánosné | Kovács^János
    Nagyné^Kovács Anna | Nagy^Kovács Anna
    Jónsson^Jón | Jónsson^Jóna
    Guðmundsson^Einar | Guðmundsdóttir^Eir
    Sigurðsson^Ari Páll | Sigurðsson^Páll Ari
    Ólafsson^Jón Þór | Ólafsson^Jón Örn
    U^Aung | Daw^Aung
    Khin^Maung Win | Khin^Maung Lwin
    Ma^Hla Hla | Maung^Hla Hla
    Ko^Aung | Ma^Aung
    Kim^Ji-Won | Kim^Won-Ji
    Kim^Ji-hun | Kim^Ji-hoon Ha
    Kim^Min Seo | Kim^Min Seong
    Murugan^S | Murugan^R
    S. Murugan | R. Murugan
    Raman^K S | Raman^K R
    Kumar^R Senthil | Kumar^S Senthil
    Silva^Maria Aparecida dos Santos | Silva^Maria Aparecida dos Reis
    Souza^José Oliveira Sobrinho | Souza^José Oliveira Neto
    dos Santos^Luiz Henrique | dos Santos^Luiz Gustavo
    Yılmaz^Ilgın | Yılmaz^İlkin
    Yıldız^Aydın | Yıldız^Aydan
    Kılıç^Işıl | Kılıç^Işık
    Öz^Ayşe | Öz^Ayşegül
    Παπαδόπουλος^Γεώργιος | Παπαδοπούλου^Γεωργία
    Παπαδάκης^Νίκος | Παπαδάκης^Νικήτας
    ბერიძე^გიორგი | ბერიძე^გია
    ბერიძე^ნინო | ბერიძე^ნინა
    Beridze^Nino | ბერიძე^ნანა
    Singh^Gurpreet | Kaur^Gurpreet
    Kaur^Harjit | Kaur^Harjinder
    Hassan^Mohamed Ahmed | Hassan^Ahmed Mohamed
    Okafor^Chidi | Okafor^Chidinma
    Okafor^Taiwo | Okafor^Kehinde
    Mensah^Ama Panyin | Mensah^Ama Kakra
    Mensah^Ama Panyin | Mensah^Ama
    Mensah^Ama Kakra | Mensah^Ama
    Ó Briain^Seán Óg | Ó Briain^Seán Mór
    MacDonald^Iain Beag | MacDonald^Iain Mòr
    """)
# One person where the birth date is the same
NOT_ALONE = _pairs("""
    Dupont^Jean | Dupont^Jean cadet
    Dupont^Jean | Dupont^Jean l'aîné
    Dupont^Jean | Dupont^Jean le benjamin
    Silva^João | Silva^João Fº.
    Silva^João | Silva^João F.º
    Silva^João | Silva^João Nº
    Silva^João | Silva^João Sob.
    Silva^João | Silva^João Jr
    Silva^João | Silva Netto^João
    Silva^João | Silva Segundo^João
    Silva^João | Silva^João (neto)
    Silva^Juan | Silva^Juan (h.)
    Silva^Juan | Silva (h)^Juan
    Silva^Juan | Silva h.^Juan
    Silva^Juan | Silva^Juan 2º
    Silva^Juan | Silva^Juan 2do
    Silva^Juan | Silva^Juan IIº
    Rossi^Marco | Rossi^Marco jr.
    Rossi^Marco | Rossi^Marco di Luigi
    Rossi^Marco | Rossi^Marco fu Luigi
    Rossi^Marco | Rossi^Marco il Giovane
    Rossi^Marco | Rossi^Marco il Vecchio
    Rossi^Marco | Rossi^Marco minore
    Müller^Hans | Müller^Hans d. J.
    Müller^Hans | Müller^Hans der Jüngere
    Müller^Hans | Müller^Hans d. Ä.
    Müller^Hans | Müller jun.^Hans
    Müller^Hans | Müller^Hans jr
    Smith^John | Smith^John the Younger
    Smith^John | Smith^John (Jr)
    Smith^John | Smith, Jr^John
    Smith^John | Smith^John-II
    Smith^John | Smith^John/II
    Smith^John | Smith^John, II
    Smith^John | Smith^John 2d
    Smith^John | Smith^John second
    Smith^John | Smith^John the 2nd
    Smith^John | Smith^John the Second
    Smith^John | Smith^John tertius
    Smith^John | Smith^John V
    Smith^John | Smith^John I
    Smith^John | Smith^John IX
    Smith^John | Smith^John X
    Smith^John | Smith^John Ⅱ
    Smith^John | Smith^John ②
    Smith^John | Smith^John No. 2
    Smith^John | Smith^John_2
    Kowalski^Jan | Kowalski^Jan mł.
    Kowalski^Jan | Kowalski^Jan s. Piotra
    Novák^Jan | Novák^Jan ml.
    Novák^Jan | Novák^Jan st.
    Nagy^István | ifj. Nagy^István
    Nagy^István | Nagy^István id.
    Иванов^Иван | Иванов^Иван (мл)
    Иванов^Иван | Иванов^Иван младший
    Иванов^Иван | Иванов^Иван 2-й
    Иванов^Иван | Иванов^Иван второй
    حداد^محمد | حداد^محمد الابن
    حداد^محمد | حداد^محمد (الأب)
    حداد^محمد | حداد^محمد الصغير
    حداد^محمد | حداد^محمد الثاني
    حداد^محمد | حداد^محمد جونيور
    Haddad^Omar | Haddad^Omar el sghir
    Haddad^Omar | Haddad^Omar es-seghir
    Haddad^Omar | Haddad^Omar lkbir
    Haddad^Omar | Haddad^Omar al-thani
    Haddad^Omar | Haddad^Omar al-saghir
    Yılmaz^Ali | Yılmaz^Ali (küçük)
    Cohen^Moshe | Cohen^Moshe haben
    כהן^משה | כהן^משה הבן
    Pierre^Jean | Jean^Pierre Paul
    Jean^Pierre | Pierre^Jean Paul
    Hassan^Omar | Omar^Hassan Ali
    =王^伟 | 王^伟(大)
    =김^민수 | 김^민수 2세
    =김^민수 | 김^민수2
    O'Brien^Sean | O'Brien^Sean Og
    Ó Briain^Seán | Ó Briain^Seán Óg
    MacDonald^Iain | MacDonald^Iain Beag
    Aung San | Aung San Suu Kyi^
    Aung^San | Aung San Suu Kyi^
    Siti Nur | Siti Nur Haliza^
    """)
# One person
ALWAYS = _pairs("""
    Larsson^Bo | Larsson^Bo
    Larsson^Bo Anders | Larsson^Bo Anders
    Park^Boyoung | Park^Bo Young
    Park^Bo-Young | Park^Bo Young
    Cohen^Batsheva | Cohen^Bat Sheva
    Cohen^Bat-Sheva | Cohen^Batsheva
    Ben David^Sara | Ben-David^Sara
    BenDavid^Sara | Ben David^Sara
    Vlk^Jan | Vlk^Jan
    Krč^Jan | Krč^Jan
    Smith^Anna | Smith^Anna Maria
    García^Ana | García López^Ana
    Chan^Tai Man | Chan^Tai Man Peter
    Sharma^Arun Kr | Sharma^Arun Kr
    Chan^Mary | Chan^Mary Tsz Yan
    Neto^Ana | Neto^Ana
    ANA NETO | Neto^Ana
    Segundo^Ana | Segundo^Ana
    Quispe^Segundo | Quispe^Segundo
    Del Vecchio^Mario | Del Vecchio^Mario
    DelVecchio^Mario | Del Vecchio^Mario
    Lejeune^Anne | Le Jeune^Anne
    Smith^Ben | Smith^Ben
    Smith^Ben John | Smith^Ben John
    Anna Smith | Smith^Anna
    Al Thani^Omar | Al Thani^Omar
    AlThani^Omar | Al Thani^Omar
    Thani^Omar | Al Thani^Omar
    الثاني^خالد | الثاني^خالد
    Kim^Jun | Kim^Jun
    Kim^Min Jun | Kim^Min Jun
    Kim^Minjun | Kim^Min Jun
    St John^Mary | St John^Mary
    StJohn^Mary | St John^Mary
    Smith^John H | Smith^John Henry
    Smith^John F | Smith^John Francis
    Smith^John H | Smith^John H
    Nguyễn^Con | Nguyễn^Con
    Ng^Siew Ling | Ng^Siew Ling
    Wijaya^Putri Ayu | Wijaya^Putri Ayu
    Fu^Wei | Fu^Wei
    Li^Xiaofu | Li^Xiao Fu
    Di Luigi^Marco | Di Luigi^Marco
    DiLuigi^Marco | Di Luigi^Marco
    Major^John | Major^John
    Minor^Ann | Minor^Ann
    Elder^Ann | Elder^Ann
    NGUYEN THI HOA | Nguyễn^Thị Hoa
    NGUYEN^THI HOA | Nguyễn^Thị Hòa
    Hoa Nguyễn Thị | Nguyễn^Thị Hoa
    Nguyễn^Thị Hòa | Nguyễn^Thị Hòa
    István Nagy | Nagy^István
    JONSSON^JON | Jónsson^Jón
    GUDMUNDSDOTTIR^THORA | Guðmundsdóttir^Þóra
    KIM JI WON | Kim^Ji-Won
    MARIA APARECIDA SANTOS | Santos^Maria Aparecida dos
    YILMAZ^ISIL | Yılmaz^Işıl
    YILMAZ^İLKİN | Yılmaz^Ilkin
    Aung San Suu Kyi | Aung San Suu Kyi^
    Barak^Mor | Barak^Mor
    Sen^Amit | Sen^Amit
    """)
# One person where the birth date is the same, which can be either way
WITH_BIRTH_DATE = _pairs("""
    Papadopoulos^Georgios | Παπαδόπουλος^Γεώργιος
    Beridze^Nino | ბერიძე^ნინო
    Smith^John | Smith^John Benjamin
    Smith^John Benjamin | Smith^John
    Kim^Min | Kim^Min Jun
    Smith^Anna | Smith^Anna H
    Larsson^Bo Anders | Larsson^Bo Anders Erik
    Smith^John Jr | Smith^John Benjamin Jr
    Smith^John Jr | Smith^John
    Smith^John | Smith^John II
    Smith^Anna^^^MD | Smith^Anna
    Smith^Anna^^^PhD | Smith^Anna
    Smith^Anna^^Mrs | Smith^Anna
    Smith^Anna^M^Mrs | Smith^Anna
    Smith^Anna Maria | Smith^Anna
    García López^Ana | García^Ana
    Silva Netto^João | Silva Neto^João
    Silva^João Filho | Silva Filho^João
    Khan^Mohd Ali | Khan^Mohammed Ali
    Sharma^Arun Kr | Sharma^Arun Kumar
    Sharma^Arun | Sharma^Arun Kr
    Sharma^Arun Kr | Sharma^Arun
    Smth^Anna | Smith^Anna
    Smih^Anna | Smith^Anna
    Wng^Xiaoming | Wang^Xiaoming
    Hrvat^Ana | Horvat^Ana
    McDonald^Ann | MacDonald^Ann
    """)
# In another script, and too short to tell: a person decides
UNTOLD = _pairs("""
    Haddad^Hayat | حداد^حياة
    Haddad^Hayet | حداد^حياة
    Haddad^Haiat | حداد^حياة
    Haddad^Hajat | حداد^حياه
    Haddad^Khayat | حداد^حياة
    Haddad^Jehia | حداد^يحيى
    Haddad^Jahja | حداد^يحيى
    Haddad^Jachja | حداد^يحيى
    Haddad^Haja | حداد^هيا
    Haddad^Aja | حداد^آية
    Haddad^Ayet | حداد^آية
    Khoja^Chaja | خوجة^حيا
    Иванов^Яя | Ivanov^Jaja
    Yamada^Jui | やまだ^ゆい
    Yamada^Ijo | やまだ^いよ
    Yamada^Joh | やまだ^よう
    Yamada^Lily | やまだ^リリー
    Yamada^Ali | やまだ^アリ
    Yamada^Michael | やまだ^マイケル
    Kim^Hur | 김^허
    Kim^Ree | 김^이
    Kim^Loh | 김^노
    Kim^Lyu | 김^유
    Beridze^Aja | ბერიძე^აია
    Beridze^Ija | ბერიძე^ია
    Georgiou^Ija | Γεωργίου^Ία
    Sharma^Aju | शर्मा^आयु
    Sharma^Wia | शर्मा^वीया
    """)
# As short, and of somebody else: in conflict
TOLD = _pairs("""
    Haddad^Hiba | حداد^هدى
    Haddad^Omar | حداد^حياة
    Haddad^Ali | حداد^حياة
    Haddad^Huda | حداد^علي
    Haddad^Maya | حداد^يحيى
    Haddad^Noor | حداد^آية
    Haddad^Sara | حداد^هيا
    Haddad^Rim | حداد^حياة
    Haddad^Layla | حداد^هدى
    Haddad^Zeinab | حداد^يحيى
    Haddad^Khaled | حداد^آية
    Cohen^Tamar | כהן^חיה
    Cohen^Noa | כהן^חיה
    Cohen^Dan | כהן^לאה
    Ivanov^Olga | Иванов^Ия
    Ivanov^Nina | Иванов^Яя
    Ivanov^Roman | Иванов^Хая
    Yamada^Mei | やまだ^ゆい
    Yamada^Ken | やまだ^あおい
    Yamada^Rin | やまだ^あや
    Kim^Minsu | 김^이
    Kim^Bora | 김^유
    Beridze^Nino | ბერიძე^ია
    Beridze^Ana | ბერიძე^გაია
    Georgiou^Eleni | Γεωργίου^Ηώ
    Sharma^Ravi | शर्मा^आयु
    """)
# Brothers, whose name is that of the sister where it is cut
BROTHERS = _pairs("""
    Daniel | Daniela
    Simon | Simone
    Anton | Antonia
    Eugen | Eugenie
    Iva | Ivana
    Fabien | Fabienne
    Micha | Michala
    Gabriel | Gabrielle
    Danie | Daniella
    Danie | Danielle
    Georg | Georgina
    Joseph | Josephine
    Marc | Marcella
    Marc | Marcelle
    Nicol | Nicoletta
    Bernard | Bernardette
    Charlo | Charlotte
    Carlo | Carlotta
    Sara | Sarah
    Andrea | Andreas
    Dani | Danio
    Giovann | Giovanni
    Ann | Anny
    """)
# What newborns are called where words are not parted, by family name
NOT_PARTED = {
    '王': _listed("""
    赤ちゃん, べいびー, 新生儿, 新生兒, 新生児, 双胞胎, 雙胞胎, 第一子, 第二子,
    第三子, べびー, 之子, 之女, 之婴, 之嬰, 之儿, 之兒, 婴儿, 嬰兒, 男婴, 女婴,
    男嬰, 女嬰, 宝宝, 寶寶, 孪生, 大双, 小双, 毛毛, 双子, 児, 長男, 長女, 次男,
    次女, 三男, 三女, の子, 儿子, 兒子, 女儿, 女兒, 双胎, 雙胎, 初生, 毛头,
    毛頭, 之长子, 之長子, 之次子, 之长女, 之長女, 之次女"""),
    'やまだ': _listed(
        "べいびー, べびー, あかちゃん, しんせいじ, ふたご, の子"),
    '김': _listed("""
    쌍둥이, 쌍태아, 쌍생아, 신생아, 베이비, 아기, 애기, 아가, 아들, 딸, 남아,
    여아, 첫째, 둘째, 셋째"""),
    'แดง': _listed("""
    ทารกแรกเกิด, บุตรนางสาว, บุตรนาง, ลูกนาง, เด็กแรกเกิด, ทารก, บุตร, แฝด,
    ลูก""")}
# What newborns are called, with the name of the mother or without
MARKS = _listed("""
    BB, Baby Girl, BabyBoy1, Baby A, New Born, NB-1, N/B, B/o, S/o, D/O,
    Child, Twin-A, TwinB, TWIN II, 2nd twin, Male Child, F/C, Bebé, Bebe
    niña, RN hijo, RN mujer, R/N, HRN, Hijo 1, Recién Nacido Masculino,
    RNPT, RN Masc, RN Fem, Gem 1, Gemelo II, II gemelar, I Gemelar, NV, Nou
    nat, Filho RN, RNT, RN F, Recem-nato, Recém nato, Fils, Jumeau A, bb
    fille, Nné fille, NN, Bébé 2, enf., Neugeb, Ngb, Zwilling II, 2.
    Zwilling, II. Zwilling, Mädchen, Bub, Neonata, neonato F, gemella B,
    Bimba 1, Figlio1, Pasgeborene, pasgeb. zoon, tweeling A, Noworodek I,
    bl. I, Bliźniak II, now., noworodek córka, nowor syn, novorozenec,
    dvojče B, nvr., Újszülött, újsz., iker A, Nou nascut, n.n., yd bebek,
    Bebek 2, ikiz eşi, bb erkek, Nyfödd, Tvilling A, flicka 1, Vauva 1,
    vast.synt, kaksonen A, jaundz., Naujag., Bayi Ny, By., By Ny, Anak 1,
    BBLR, kembar A, Sanggol, So sinh, be gai, Mtoto 1, Mtoto wa, kichanga,
    Pacha A, omo tuntun, jariri, jinjiri, gnh, yewled, mwana, ngwana,
    zazakely, Shishu, navajat, B/O, baby ka, ki ladki, ki baby, ki bachi,
    kuzhandai, pasi bidda, Akachan, futago, sinsaenga, Yinger, zhi nu,
    tharok
    """)
