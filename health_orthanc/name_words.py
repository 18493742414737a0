# SPDX-FileCopyrightText: 2026 The health_imaging and health_orthanc developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words in names that say more than the name of a person.

All are in small letters and without accents, as names.py compares them.
"""
import re
import unicodedata


def _words(text):
    return frozenset(unicodedata.normalize('NFC', text.casefold()).split())


def _phrases(text):
    phrases = {}
    for phrase in sorted(
            (tuple(phrase.split('_')) for phrase in _words(text)),
            key=lambda phrase: (-len(phrase), phrase)):
        phrases.setdefault(phrase[0], []).append(phrase)
    return phrases


# What marks a newborn or an unnamed child, or somebody else than the person
# who is named, in the languages of those who type names
NEWBORN = _words("""
    baby babyboy babygirl babys bby bb bbb bg bbg nb newborn newbn neonate
    neonatal infant inf twin twins triplet triplets trip quadruplet quad
    quads quintuplet unnamed unborn fetus foetus fetal stillborn stillbirth
    child boy girl male female daughter of mother mom mum kid nursling
    preemie donor sibling poc tw zw gem zwa zwb bf bm bby bboy bgirl bbyboy
    bbygirl infnt nwbrn nbb nbg hrn rnpt
    rn rnv rnm rnf rnn nrn hija hijos recien neonato neonata neonatos bebe
    bebes bebita bebito nene nena gemelo gemela gemelos gemelas
    gemelar mellizo melliza mellizos trillizo trilliza varon lactante feto
    obito prematuro prematura nn nacido nacida nounat nado nadons niño
    niña bé trẻ sosinh aegi besso bessona fill filla jaioberri haur
    filha nenem recemnascido recemnascida gemeo gemea gemeos nascituro
    natimorto rnascido
    nouveaune nouveaunee nne enf nourrisson enfant jumeau jumelle jumeaux
    jumelles fille garcon mortne bbe nnee
    neugeborenes neugeborene neugeborener neugeb neugb ng saugling sgl
    zwilling zwillinge drilling vierling kind knabe madchen maedchen junge
    saeugling fruhgeborenes fruehgeborenes ungeborenes tochter sohn
    totgeburt bub
    zoontje dochtertje pasgeb kindje
    figlia gemello gemella gemelli bimbo bimba
    pasgeborene tweeling drieling zuigeling dochter zoon jongetje meisje
    boreling
    nyfodt nyfodd nyfaeddur nyfoedt vauva vastasyntynyt tvilling tvillinger
    trilling barn gutt pige dreng jente pojke flicka spaedbarn spadbarn
    kaksonen poika tytto barnet baby barnid tviburi
    noworodek ndek nrdk now nowor noworod dz dzieciatko blizn dziecko blizniak
    blizniaki blizniaczka niemowle corka syn plod
    novorozenec novorodenec novorojencek novorojenec novorodence novorodeno
    novorodencica novorozene dvojce dvojcata dvojicka trojce syn dcera beba
    kci kcer blizanac blizanka dojenac dojence novor novoroz dite dieta
    miminko dijete dete djecak decak djevojcica devojcica musko zensko
    ujszulott ujszulottje ujsz csecsemo csecsemoje iker ikrek gyermeke leanya
    nounascut nounascuta nascut nascuta geaman geamana gemeni copil copilul
    fiica fiul fetita baiat baietel
    bebek bebegi yenidogan ikiz ikizi ucuz kiz erkek oglu kizi yd
    korpe yenidogulmus usaq chaqaloq egizak
    naujagimis naujagime jaundzimusais vastsundinu beebi foshnja porsalindur
    dvyniai naujag jaundz mazulis zidainis vastsynd laps poeg tytar tarbija
    leanbh nyburi
    cb
    bayi by anak sanggol kembar orok janin bbl bblr
    neogno neogennito neogennhto vrefos arren thily avaptisto
    kichanga pitit zazakely tharok jinjiri
    yewled ngwana kuzhandai mtoto mapacha pacha mwana jariri
    jaririya omo ilmo mawlood mawlud mawloud tifl tifla radee walad
    panyin kakra kakraba
    shishu navjat navjaat navajat bachcha baccha judwa
    nozad nouzad nowzad tefl farzand doghlou
    yinger xinshenger baobao shuangbaotai zhizi zhinv zhinu
    akachan futago shinseiji bebi sinsaenga shinsaenga ssangdungi
    новорожденныи новорожденная новорожденное новорожден новорожд ребенок реб
    нов новор рбн рбк нр двоин близн малыш малышка младенец близнец близнецы
    двоиня троиня девочка мальчик сын дочь плод
    новонароджении новонароджена немовля дитина близнюк близнюки
    дівчинка хлопчик син донька дочка новородено бебе близнак близначка
    момче момиче близнаци нярай хүүхэд нәресте сәби чақалоқ
    новорођенче беба мртворођено новорогено
    νεογεννητο νεογεννητη νεογνο βρεφος διδυμο διδυμα διδυμος διδυμη μωρο
    τεκνο εμβρυο παιδι αγορι κοριτσι νεογ νεογν μωρακι αρρεν θηλυ κορη υιος
    γιος αβαπτιστο αβαπτιστη
    مولود مولوده طفل طفله رضيع رضيعه بيبي توام توامان جنين خديج وليده
    نوزاد دوقلو دوقلوها فرزند بچه پسر دختر نومولود شيرخوار بيبى
    مواليد نوزاده بچی بچہ قل ماشوم
    תינוק תינוקת ילוד ילודה יילוד יילודה תאום תאומה תאומים פג פגה עובר ולד
    תאומים תאומות פגית בנה בתה
    लड़का लड़की बालक बालिका नवजात बच्चा बच्ची शिशु बेबी जड़वां जुड़वां जुड़वा
    पुत्र पुत्री बेटा बेटी
    নবজাতক শিশু বেবি যমজ குழந்தை சிசு బిడ్డ శిశువు ಮಗು શિશુ
    ახალშობილი ბავშვი ჩვილი ტყუპი նորածին երեխա երկվորյակ
    신생아 아기 애기 쌍둥이 베이비 남아 여아 태아 아들 딸 아가 쌍태아 쌍생아
    첫째 둘째 셋째
    """)
# The same in several words, by the first of them
NEWBORN_PHRASES = _phrases("""
    new_born new_baby baby_of recien_nacido recien_nacida recem_nascido
    recem_nascida nouveau_ne nouveau_nee nv_ne mort_ne n_ne ne_de nou_nascut
    nou_nascuta yeni_dogan con_ba so_sinh tre_so_sinh em_be by_ny bayi_ny
    zhi_zi zhi_nv zhi_nu zhi_ying n_dek حديث_الولاده حديثه_الولاده
    تازه_متولد בנ_של בן_של בת_של nouveau_nes not_named no_name sin_nombre
    sans_prenom nino_de nina_de nato_di nata_di son_of
    b_o s_o d_o y_d z_v d_v k_v recem_nato nou_nat vast_synt pasi_bidda an_ny
    putra_ny putri_ny putra_dari putri_dari baru_lahir
    be_trai be_gai con_cua con_chi con_me con_ong con_nguoi
    but_nang luk_nang yeni_dogulmus acabado_de_nacer
    ka_beta ki_beti ka_bacha ka_bachcha ka_baccha ki_bachi ki_bachchi
    ki_bacchi ka_putra ki_putri ka_ladka ki_ladki ka_larka ki_larki
    ka_balak ki_balika ke_beta ke_beti er_chele er_meye da_puttar di_dhee
    di_kudi cha_mulga chi_mulgi no_dikro ni_dikri no_babo ko_chhora
    ko_chhori ge_putha ge_duwa
    """)
# Where words are not parted
GLUED = {
    'CJK': (
        '赤ちゃん', 'べいびー', '新生儿', '新生兒', '新生児', '双胞胎',
        '雙胞胎', '第一子', '第二子', '第三子', 'べびー', '之子', '之女',
        '之婴', '之嬰', '之儿', '之兒', '婴儿', '嬰兒', '男婴', '女婴',
        '男嬰', '女嬰', '宝宝', '寶寶', '孪生', '大双', '小双', '毛毛',
        '双子', '児', '長男', '長女', '次男', '次女', '三男',
        '三女', 'の子', '儿子', '兒子', '女儿', '女兒', '双胎', '雙胎', '初生',
        '毛头', '毛頭', '之长子', '之長子', '之次子', '之长女', '之長女',
        '之次女', '婴', '嬰', '第'),
    'HIRAGANA': (
        'べいびー', 'べびー', 'あかちゃん', 'しんせいじ', 'ふたご', 'の子'),
    'HANGUL': (
        '쌍둥이', '쌍태아', '쌍생아', '신생아', '베이비', '아기', '애기',
        '아가', '아들', '딸', '남아', '여아', '첫째', '둘째', '셋째'),
    'THAI': (
        'ทารกแรกเกิด', 'บุตรนางสาว', 'บุตรนาง', 'ลูกนาง', 'เด็กแรกเกิด',
        'ทารก', 'บุตร', 'แฝด', 'ลูก'),
    }
# Those that are the names of people, too
ALSO_NAMES = _words(
    'ng kind junge knabe boy male child bebe beba nena barn bimba 児 毛毛')
# "Son of": a mark where it begins, else what tells a son from his father
SONS = _words('hijo filho fils figlio fill')
# What begins a child's name where it is one's own, too
FIRST_MARKS = _words('ibn bint bent bnt ابن ابنه بنت בת')
FIRST_OF_ALL = _words(
    'bin ben binti binte بن בן bat bo con ould weld wled ولد')
# Where it is the last word of several, too
LAST_OF_ALL = _words('בן ولد con')
# How it is written with signs: the signs, and what is marked with them
SIGNED = [
    ('/', re.compile(
        r'(?<!\w)(?:\w{1,2}\s?/\s?(?:o|of|ch|c|d|de|n|р)'
        r'|[bmfnr]\s?/\s?[bgmfi])(?!\w)|(?<!\w)[bhfב]\s?/(?=\s?\w{3})')),
    ('.', re.compile(
        r'(?<!\w)(?:r\.\s?n|b\.\s?b|n\.\s?n|n\.\s?b|y\.\s?d|н\.\s?р)'
        r'(?:\.|(?!\w))')),
    ('-', re.compile(
        r'(?<![\w-])(?:[bmf]-[bgo]|[sd]-o|n-b|r-n|н-р|[рд]-[кн])'
        r'(?![\w-])'))]
# A letter with a number: the first baby, boy, girl, twin, jumeau, Zwilling
CODED = re.compile(r'(?<![^\W_])([a-zа-я])[.-]?([1-9])(?![^\W_])')
# What is written as one word: the mark, and the number or sex of a child
NUMBERED = {
    mark + number: (mark, number)
    for mark in _words("""
        twin tw trip triplet baby bb bebe rn gemelar gemelo gemela zwilling
        jumeau newborn nb infant quad""")
    for number in ['boy', 'girl', 'a', 'b', 'c', 'd', 'i', 'ii', 'iii']}
# First, second and the like, where children are numbered
ORDINALS = {
    word: number for number, words in enumerate([
            'first 1st one primero primer primera primeiro primeira premier '
            'premiere 1er 1ere erster erste erstes primo prima pierwszy i '
            'первыи первая первыи a uno eins un α α甲 一 甲 den forste '
            'forsta eerste birinci الاول اول ראשון א а',
            'second 2nd two segundo segunda deuxieme 2eme zweiter zweite '
            'zweites secondo seconda drugi ii вторая второи b dos zwei deux '
            'β 二 乙 andre andra tweede ikinci الثاني ثاني שני ב б',
            'third 3rd three tercero tercer tercera terceiro terceira '
            'troisieme 3eme dritter dritte drittes terzo terza trzeci iii c '
            'третии третья tres drei trois γ 三 丙 tredje derde ucuncu '
            'الثالث ثالث שלישי ג в',
            'fourth 4th four cuarto cuarta quarto quarta quatrieme vierter '
            'vierte iv d δ 四 丁'], 1)
    for word in words.split()}
# What tells people of one name in a family apart
GENERATIONS = {
    word: meaning for meaning, words in {
        'junior': 'jr junior jnr jor juniore filho fho flho hijo fils figlio '
        'fill ifj ml '
        'мл младшии младшая молодшии mladsi mlodszy mlodsza mladszy yngre '
        'jeune nuorempi noorem jungere juengere الابن جونيور',
        'senior': 'sr senior snr seniore pere padre pai id idosebb ст '
        'старшии старшая starsi starszy starsza eldre aldre aeldre aine '
        'ainee vanhempi vanem altere aeltere الاب الوالد سنيور',
        'grandson': 'neto netto nto nieto bisneto الحفيد',
        'nephew': 'sobrinho sob sobrino neveu',
        '2': 'ii 2nd', '3': 'iii 3rd', '4': 'iv 4th', '5': '5th',
        '6': 'vi 6th', '7': 'vii 7th', '8': 'viii 8th',
        '9': 'ix 9th'}.items()
    for word in words.split()}
# The same as cut short with a point in between, which initials have as well:
# of those J.R. is one, and J.r is none
DOTTED = re.compile(
    r'(?<![\w.])(?:\w+\.\w{2,}|[A-Z]\.(?:[a-z]\.)?[a-z]\w*|\w+\.?º\w*)'
    r'(?![\w.]\w)\.?')
DOTTED_GENERATIONS = {
    'fo': 'filho', 'jo': 'junior', 'jro': 'junior', 'no': 'neto',
    'so': 'senior', 'sor': 'senior', 'sro': 'senior'}
# Those that are the names of people, too: such are left in the name
PERHAPS_GENERATIONS = _words("""
    segundo segunda tercero tercera terceiro terceira neta nieta cadet cadette
    laine lainee fo
    benjamin benjamine puine menor mayor mozo viejo moco velho giovane vecchio
    minore maggiore minor major younger elder secundus tertius jun sen st
    saghir sghir seghir sgheir kabir kebir lkbir thani haben second third kucuk
    buyuk tanarul batranul og oge mor beag bheag الصغير الكبير
    الاكبر الاصغر الثاني الثالث كوچك بزرگ
    הבן האב הצעיר הבכור νεοτερος νεωτερος πρεσβυτερος второи третии
    大 小 老 二
    """)
# As the last word: filho, hijo, neto, padre or a number; else an initial
GENERATION_LETTERS = _words('f h n p i v x')
# The last of two letters: der Jüngere, der Ältere
AFTER_D = _words('j a')
# Before a given name: baby, hijo, filho; else an initial
CHILD_LETTERS = _words('b h f ن م ب ב')
# What is before the name of the father
FATHERS = _words('di fu s')
ROMANS = _words('ii iii iv vi vii viii ix')
TITLES = _words("""
    dr dra drs prof profa professor mr mrs ms miss mx mme mlle herr frau hr
    sra srta srita sig sigra dott dottssa avv ing lic mag phd mph mba
    esq dipl med habil sir dame rev revd pastor haji hajj hajji hadji hajjah
    hj hjh tn ny sdr bsc msc frcs facs mudr mgr dds dmd pharmd np
    mbbs frcp mrcp
    доктор проф κος δρ دكتور श्री श्रीमती sri shri smt kum นาย นาง นางสาว ดช
    ดญ 様 さん 님 씨 氏 先生
    """)
# Those that are names, but before and after a name
OUTER_TITLES = TITLES | {'md', 'rn', 'don', 'dona', 'fr', 'sr', 'd', 'm'}
# All words that can be no name
NO_NAMES = frozenset().union(
    NEWBORN, {
        # Of a phrase one word tells that it can be there
        max(phrase, key=len)
        for phrases in NEWBORN_PHRASES.values() for phrase in phrases},
    SONS, FIRST_MARKS, FIRST_OF_ALL, NUMBERED, ORDINALS, GENERATIONS,
    PERHAPS_GENERATIONS, FATHERS, ROMANS, OUTER_TITLES)
# What a name can have or lack, and is none
PARTICLES = _words("""
    de da do dos das del della dello dei degli di du des d la le les los las
    el y e i van von vom zu zum zur der den dem ten ter te t op af av til ap
    al as ad ar an at az ash ibn bin ben bint binti binte bt bte abu abou
    thi ال بن بنت ابن ابو בן בת בר фон де аль эль
    """)
WOMEN = _words('thi bint binti binte bt bte بنت')
MEN = _words('van bin ibn بن ابن')
# No agreement where nothing else agrees
WEAK = _words('abdul abdel abdal abd abdou عبد md mohd mst begum bibi kumari')
# Names and what is short for names, though no vowel is in them
NO_VOWELS = _words('ng sz tsz hng ch gh kh sd md mst st mc bt vlk nd rd th')
# How names are cut short
ABBREVIATIONS = {
    short: full for full, shorts in {
        'maria': 'ma', 'mohammed': 'mohd muhd moh md mhd mohammad mohamed '
        'muhammad mohamad muhammed mohamet',
        'saint': 'st', 'sainte': 'ste', 'santa': 'sta', 'santo': 'sto',
        'francisco': 'fco fsco', 'francisca': 'fca', 'fernando': 'fdo',
        'guadalupe': 'gpe', 'josefina': 'jfa', 'jose': 'jse',
        'concepcion': 'conc', 'antonio': 'anto', 'william': 'wm',
        'charles': 'chas', 'george': 'geo', 'thomas': 'thos',
        'james': 'jas', 'robert': 'robt', 'joseph': 'jos', 'john': 'jno',
        'hernandez': 'hdez hdz', 'rodriguez': 'rdz rdguez rguez rodgz',
        'martinez': 'mtz mtnez', 'gonzalez': 'glez gzz gzlez gonz',
        'fernandez': 'fdez fdz', 'gutierrez': 'gtz gtrrz', 'lopez': 'lpz',
        'gomez': 'gmz', 'perez': 'prz', 'sanchez': 'schz snz',
        'kumar': 'kr', 'jimenez': 'jmnz', 'ramirez': 'rmz', 'dominguez': 'dgz',
        'mac': 'mc', 'sheikh': 'sk shk', 'ibrahim': 'ibr'}.items()
    for short in shorts.split()}
